// Thumbnails: fetched when they come into view, a few at a time, those wanted last first; few are kept.

const PICTURES_AT_ONCE = 4; // a browser has six connections to one host, and the rest of the page needs some
const PICTURES_KEPT = 300;
const PICTURES_MARGIN = "300px"; // before they come into view

const pictures = {
  urls: new Map(), // by path, those used last at the end
  wanted: [], // frames that wait, the newest last
  running: 0,
  dropped: 0, // how often all were let go
};

const pictureObserver = new IntersectionObserver(
  (changes) => {
    for (const change of changes) {
      const frame = change.target;
      if (change.isIntersecting) {
        wantPicture(frame);
      } else {
        pictures.wanted = pictures.wanted.filter((one) => one !== frame);
        if (!frame.isConnected) pictureObserver.unobserve(frame);
      }
    }
  },
  { rootMargin: PICTURES_MARGIN },
);

// A square frame that a thumbnail of the face comes into; it says why where there is none.
function thumbnail(face, size) {
  const pixels = Math.min(512, Math.round(size * Math.min(2, window.devicePixelRatio || 1)));
  const frame = element("span", { class: "people-picture" });
  frame.path = peoplePath("/thumbnail", { face, size: pixels });
  pictureObserver.observe(frame);
  return frame;
}

function wantPicture(frame) {
  const url = pictures.urls.get(frame.path);
  if (url) {
    keepUrl(frame.path, url);
    showPicture(frame, url);
    return;
  }
  pictures.wanted = pictures.wanted.filter((one) => one !== frame);
  pictures.wanted.push(frame);
  nextPicture();
}

function nextPicture() {
  while (pictures.running < PICTURES_AT_ONCE && pictures.wanted.length > 0) {
    const frame = pictures.wanted.pop();
    const { dropped } = pictures;
    pictures.running += 1;
    blob(frame.path)
      .then(
        (url) => {
          if (dropped !== pictures.dropped) {
            release(url);
            if (frame.isConnected) wantPicture(frame);
            return;
          }
          keepUrl(frame.path, url);
          showPicture(frame, url);
        },
        (error) => showNoPicture(frame, error),
      )
      .finally(() => {
        pictures.running -= 1;
        nextPicture();
      });
  }
}

function keepUrl(path, url) {
  const old = pictures.urls.get(path);
  if (old && old !== url) release(old);
  pictures.urls.delete(path);
  pictures.urls.set(path, url);
  for (const [oldest, its] of pictures.urls) {
    if (pictures.urls.size <= PICTURES_KEPT) break;
    pictures.urls.delete(oldest);
    release(its);
  }
}

function showPicture(frame, url) {
  if (frame.url === url) return;
  frame.url = url;
  frame.replaceChildren(element("img", { src: url, alt: "", decoding: "async", draggable: "false" }));
}

const WHY_NO_PICTURE = { 404: "The photo is gone", 422: "The photo has changed since it was indexed" };

function whyNoPicture(error) {
  return WHY_NO_PICTURE[error.status] || "No picture: " + explainFailure(error);
}

function showNoPicture(frame, error) {
  frame.url = null;
  frame.replaceChildren(
    element("span", { class: "people-no-picture", title: explainFailure(error) }, whyNoPicture(error)),
  );
}

// After a change of the store: what could not be shown may be there now, and what was forgotten is not.
function retryPictures() {
  for (const none of document.querySelectorAll(".people-picture > .people-no-picture")) wantPicture(none.parentElement);
}

function dropPictures() {
  for (const url of pictures.urls.values()) release(url);
  pictures.urls.clear();
  pictures.wanted = [];
  pictures.dropped += 1;
}
