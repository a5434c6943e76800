// What every page loads. The page works without it; each part enhances what it finds.

import { enhanceDeeds } from "./deeds.js";
import { watchDepartures } from "./departures.js";
import { enhanceList } from "./list.js";
import { enhanceInbox } from "./inbox.js";
import { startLive } from "./live.js";
import { enhancePanel } from "./panel.js";
import { enhancePublished } from "./publish.js";
import { startRefresh } from "./refresh.js";
import { startSession } from "./session.js";
import { startTransfer } from "./transfer/open.js";
import { enhanceViewer } from "./viewer.js";

document.documentElement.classList.add("scripted");
startTransfer();
enhancePublished();
enhancePanel();
enhanceDeeds();
enhanceViewer();
enhanceList();
enhanceInbox();
// The last to hear of a refresh: the lists place the focus themselves where they know better.
watchDepartures();
startRefresh();
startLive();
startSession();
