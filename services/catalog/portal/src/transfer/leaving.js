// The browser's question before a page is left.

import { session } from "../session.js";

let isOver = false;
session.addEventListener("ended", () => {
  isOver = true;
});

// Has it asked where `isBusy()`. A form marked `data-download` is answered by a file, or by a page that says why there is
// none: neither may take this one's place then.
export function warnBeforeLeaving(isBusy) {
  addEventListener("submit", ({ target: form }) => {
    if ("download" in form.dataset) form.target = isBusy() ? "_blank" : "";
  });
  addEventListener("beforeunload", (event) => {
    if (isOver || !isBusy()) return;
    event.preventDefault();
    event.returnValue = true; // what older browsers go by
  });
}
