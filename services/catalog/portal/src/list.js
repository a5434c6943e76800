// *Mes documents*: what makes the list quicker to use. Without it, it is links and forms.

import { watchArrivals } from "./list/arrivals.js";
import { enhanceDeletion } from "./list/deletion.js";
import { enhanceSearch } from "./list/search.js";
import { enhanceSelection } from "./list/selection.js";

export function enhanceList() {
  if (!document.getElementById("documents")) return;
  enhanceSelection();
  enhanceDeletion();
  enhanceSearch();
  watchArrivals();
}
