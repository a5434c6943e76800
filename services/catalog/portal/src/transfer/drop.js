// Files that are dropped or pasted.

// What cameras and clipboards call every picture of theirs.
const ANONYMOUS = /^(image|photo|img)\.(jpe?g|png|hei[cf])$/i;

export function carriesFiles(transfer) {
  return transfer !== null && [...transfer.types].includes("Files");
}

// The files in a drop or on the clipboard, and whether folders were among them: those can't be sent.
export function filesOf(transfer) {
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const isFolder = (item) => item.webkitGetAsEntry?.()?.isDirectory ?? false;
  return {
    files: items.filter((item) => !isFolder(item)).map((item) => item.getAsFile()).filter(Boolean),
    folders: items.some(isFolder),
  };
}

// The same file under a name that tells it from the next one: `photo_2026-11-24_14-05-09.jpg`.
export function named(file) {
  const anonymous = ANONYMOUS.exec(file.name);
  if (!anonymous) return file;
  const date = new Date(file.lastModified);
  const local = new Date(date - date.getTimezoneOffset() * 60_000).toISOString();
  const time = local.slice(0, 19).replace("T", "_").replaceAll(":", "-");
  return new File([file], `photo_${time}.${anonymous[2].toLowerCase()}`, { type: file.type, lastModified: file.lastModified });
}
