// Where the focus goes from what leaves the page.

const ROWS = "[data-live] :is(tr, li)[id]";
const HEADINGS = "h1[tabindex], h2[tabindex]";

// Asked while `element` is on the page. The answer gives, once it has gone, the link of its row, or of the next row that
// is still there, else the heading of the page or dialog.
export function successorOf(element) {
  const place = element.closest("dialog") ?? document.querySelector("main");
  const rows = [];
  for (let row = element.closest(ROWS); row; row = row.nextElementSibling) rows.push(row.id);
  return () => {
    const links = rows.map((id) => document.getElementById(id)?.querySelector(".filename"));
    return links.find(Boolean) ?? place.querySelector(HEADINGS) ?? place;
  };
}
