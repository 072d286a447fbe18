// Elements of the page, and words in it. Texts of strangers become text nodes, never markup.

const byId = (id) => document.getElementById(id);
const content = JSON.parse(byId("content").textContent);
const photos = content.photos;
const modes = new Map(content.modes.map((mode) => [mode.name, mode]));

/** The thumbnails are at the end of the file, so that the page is seen before it is all read. */
const thumbnails = new Promise((resolve) => {
  document.addEventListener("DOMContentLoaded", () => {
    resolve(byId("thumbnails").textContent.trim().split("\n"));
  });
});

/** Make an element with properties or attributes, and children. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== ""));
  return element;
}

/** Make an element of a name: its direction does not change what is around it. */
function nameOf(text) {
  return make("bdi", {}, visible(text));
}

/** Return a text whose control characters are seen: as a symbol, or as a code. */
function visible(text) {
  const symbol = (character) => {
    const code = character.codePointAt(0);
    return code < 32 ? String.fromCodePoint(0x2400 + code) : `<${code.toString(16).toUpperCase()}>`;
  };
  return text.replace(/[\p{Control}\u2028-\u202e\u2066-\u2069]/gu, symbol);
}

const baseName = (photo) => photo.source.slice(photo.source.lastIndexOf("/") + 1) || photo.source;

function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

function percent(share) {
  if (share < 0.005) return "under 1 %";
  return share > 0.995 && share < 1 ? "over 99 %" : `${Math.round(share * 100)} %`;
}

const times = (factor) => `${Number(factor.toPrecision(factor < 1 ? 2 : 3))}x`;
const sizeText = ([width, height]) => `${width}×${height}`;

function duration(seconds) {
  if (seconds < 90) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 90) return `${minutes} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Show items in a list, some at a time: the rest when the end of the list comes near. */
function showInSteps(list, items, makeItem, step, what) {
  let shown = 0;
  const more = make("button", { type: "button", className: "more" });
  const showMore = () => {
    const last = Math.min(shown + step, items.length);
    list.append(...items.slice(shown, last).map(makeItem));
    shown = last;
    more.textContent = `Show more of ${count(items.length, what)}`;
    if (shown === items.length) more.remove();
  };
  list.replaceChildren();
  list.parentElement.querySelector(":scope > .more")?.remove();
  list.after(more);
  showMore();
  more.addEventListener("click", showMore);
  return { more, showMore };
}
