// What has the focus leaves the page with a refresh: a row that was deleted here or withdrawn in another window, a button
// whose deed is done. The focus goes on from there, unless somebody has placed it.

import { successorOf } from "./focus.js";

export function watchDepartures() {
  let focused = document.body;
  let successor;
  document.addEventListener("refreshing", () => {
    focused = document.activeElement;
    successor = successorOf(focused);
  });
  document.addEventListener("refreshed", () => {
    if (!focused.isConnected && document.activeElement === document.body) successor().focus();
  });
}
