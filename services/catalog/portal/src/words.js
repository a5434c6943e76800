// What pages say to somebody: sentences that templates hold as `data-…` of an element, with names and numbers filled in.

// The sentence `key` of the element `id`; `{name}` in it stands for a value.
export function said(id, key, values = {}) {
  return document.getElementById(id).dataset[key].replace(/{(\w+)}/g, (_, name) => shown(values[name]));
}

// The sentence `key-one`, or `key-many` with `{n}` for how many; `one` and `many` where an element says only that.
export function counted(id, key, n, values = {}) {
  const form = n > 1 ? "Many" : "One";
  return said(id, key ? key + form : form.toLowerCase(), { n, ...values });
}

function shown(value) {
  return typeof value === "number" ? value.toLocaleString("fr-FR") : value;
}
