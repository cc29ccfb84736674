// Files that are dropped anywhere on the page, pasted, or chosen: one way in for all views.

let filesTaker = null; // of the current view; views set it by takeFiles

// While the current view is shown, `take(files, event, about)` gets what is dropped or pasted. `about` is a sentence on
// what was in dropped folders; empty without any.
const takeFiles = (take) => {
  filesTaker = take;
};

const FILES_MOST = 5000;
const photoNames = new RegExp(
  "\\.(jpe?g|jfif|mpo|jps|png|apng|webp|gif|bmp|tiff?|btf|hei[cf]s?|hif|avif|dng|cr[23w]|" +
    "nef|nrw|arw|sr[2fw]|raf|orf|rw2|pef|3fr|fff|iiq|insp|thm|x3f|kdc|dcr|mrw|erf|mef|mos|raw)$",
  "i",
);
const videoNames = /\.(mp4|m4v|mov|avi|mkv|webm|mts|m2ts|mpe?g|3gp|wmv|flv|insv)$/i;

const isVideo = (file) => file.type.startsWith("video/") || videoNames.test(file.name);
const mayBePhoto = (file) => file.type.startsWith("image/") || photoNames.test(file.name);

const readEntries = (reader) => new Promise((resolve, reject) => reader.readEntries(resolve, reject));
const fileOf = (entry) => new Promise((resolve, reject) => entry.file(resolve, reject));

// Walks a dropped folder, within bounds. What cannot be read is counted, not lost.
async function walk(entry, found) {
  if (found.files.length >= FILES_MOST) return;
  try {
    if (entry.isFile) {
      const file = await fileOf(entry);
      if (mayBePhoto(file)) found.files.push(file);
      else ++found.left;
      return;
    }
    ++found.folders;
    const reader = entry.createReader();
    for (let some = await readEntries(reader); some.length > 0; some = await readEntries(reader)) {
      for (const one of some) await walk(one, found);
    }
  } catch {
    ++found.unreadable;
  }
}

async function filesOf(transfer) {
  const found = { files: [], left: 0, folders: 0, unreadable: 0 };
  const entries = [];
  for (const item of transfer.items ?? []) {
    if (item.kind !== "file") continue;
    // Both are there only until this event is over.
    const entry = item.webkitGetAsEntry?.();
    const file = item.getAsFile();
    if (entry?.isDirectory) entries.push(entry);
    else if (file) found.files.push(file);
  }
  if (!transfer.items?.length) found.files.push(...transfer.files);
  for (const entry of entries) await walk(entry, found);
  return found;
}

// What folders held besides photos, as a sentence; empty without folders.
function folderText(found) {
  if (found.folders === 0) return "";
  const parts = [`${count(found.files.length, "photo")} in ${count(found.folders, "folder")}`];
  if (found.left > 0) parts.push(`${count(found.left, "other file")} left out`);
  if (found.unreadable > 0) parts.push(`${count(found.unreadable, "entry", "entries")} could not be read`);
  return parts.join(", ");
}

async function takeTransfer(transfer, event) {
  if (!filesTaker || !transfer) return;
  const taker = filesTaker;
  const found = await filesOf(transfer);
  if (found.files.length > FILES_MOST) found.files.length = FILES_MOST;
  const about = folderText(found);
  if (found.files.length > 0) taker(found.files, event, about);
  else if (about) say(`${about}.`, { error: true });
  else if (event.type === "drop") say("What was dropped holds no file.", { error: true });
}

// Without these two a browser would leave the page and open the file.
addEventListener("dragover", (event) => {
  event.preventDefault();
  if (event.dataTransfer && !filesTaker) event.dataTransfer.dropEffect = "none";
  document.documentElement.classList.toggle("dragging", Boolean(filesTaker));
});
addEventListener("drop", (event) => {
  event.preventDefault();
  document.documentElement.classList.remove("dragging");
  takeTransfer(event.dataTransfer, event);
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.documentElement.classList.remove("dragging");
});
addEventListener("paste", (event) => {
  if (event.clipboardData?.files.length > 0) takeTransfer(event.clipboardData, event);
});

// A field for files that looks like a button. `take(files)`.
function fileButton(label, take, { multiple = true, accept = "", main = true } = {}) {
  const input = element("input", { type: "file", multiple, accept, class: "covered" });
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = ""; // the same file may be chosen again
    if (files.length > 0) take(files);
  });
  return element("label", { class: main ? "button main-button" : "button" }, label, input);
}

const photoKinds = "image/*,.heic,.heif,.hif,.avif,.tif,.tiff,.dng,.cr2,.cr3,.nef,.arw,.raf,.orf,.rw2";
const bodyMegabytes = Number(document.querySelector("meta[name=body-mb]").content);

// Why a file is not even sent; empty where it is.
function refusalOf(file) {
  if (isVideo(file)) return "a video: mien looks at photos, and nothing was sent";
  if (file.size === 0) return "an empty file, or a folder: nothing was sent";
  if (file.size <= bodyMegabytes * 2 ** 20) return "";
  return (
    `${bytes(file.size)}: the service takes at most ${bodyMegabytes} MB an image (mien serve --body-mb), ` +
    "and nothing was sent"
  );
}

// Whether the file is still there: a browser says the same of a service that is gone.
async function isReadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

// Calls `path` with what `make()` returns until the service has room for it; `note(text)` says what it waits for.
async function sendPatiently(path, files, make, note, signal) {
  const triesMost = 30;
  let broken = 0;
  for (let tries = 1; ; ++tries) {
    for (const file of files) {
      if (!(await isReadable(file))) {
        throw new Failure(
          0,
          "not_found",
          `${file.name} can no longer be read: it was moved or changed, or is a folder`,
        );
      }
    }
    note("");
    try {
      return await api(path, { method: "POST", signal, ...make() });
    } catch (failure) {
      if (failure.status === 503 && tries < triesMost) {
        const seconds = Math.max(1, failure.retryAfter);
        note(`the service is busy: again in ${seconds} s`);
        await wait(seconds);
      } else if (failure.code === "unreachable" && ++broken < 3) {
        note("waits for the service");
        await back();
      } else if (failure.code === "unreachable") {
        throw new Failure(0, "unreachable", "the connection broke each time while it was sent");
      } else {
        throw failure;
      }
    }
    if (signal?.aborted) throw new DOMException("given up", "AbortError");
  }
}
