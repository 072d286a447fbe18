// The upper part of the page: what was asked for, counts, failures, warnings, charts.

const STATUSES = [
  ["converted", "converted"],
  ["fresh", "up to date"],
  ["failed", "failed"],
  ["pruned", "removed"],
  ["passed_over", "other files, not converted"],
];

function showSummary() {
  byId("title").append("Report of ", nameOf(content.output));
  const made = new Date(content.made);
  const time = make("time", { dateTime: content.made }, made.toLocaleString());
  byId("made").append("Made on ", time);
  for (const [status, words] of STATUSES) {
    const number = content.counts[status];
    if (number || status === "converted") byId("counts").append(countItem(number, words, status));
  }
  if (content.seconds !== null) {
    byId("counts").append(countItem(duration(content.seconds), "of time", "seconds"));
  }
  showAsked();
}

function countItem(number, words, status) {
  const figure = make("strong", {}, number.toLocaleString("en"));
  return make("li", { className: status }, figure, ` ${words}`);
}

function showAsked() {
  const { asked } = content;
  const rows = asked.options.map(([name, value]) => [name, make("code", {}, visible(value))]);
  rows.unshift(["Sources", listOf(asked.sources.map(nameOf))]);
  if (asked.command) rows.unshift(["Command", make("code", {}, visible(asked.command))]);
  rows.push(["Versions", content.versions.map((each) => each.join(" ")).join(", ")]);
  const terms = rows.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]);
  byId("asked").append(make("dl", {}, ...terms));
}

function listOf(items) {
  return make("ul", {}, ...items.map((item) => make("li", {}, item)));
}

function showFailures() {
  const kinds = Object.entries(content.failed_by_kind);
  byId("failures").hidden = !kinds.length;
  for (const [kind, number] of kinds) {
    const failed = photos.filter((photo) => photo.kind === kind);
    const group = kindGroup(kind, count(number, "photo"), content.advice[kind], `failed:${kind}`);
    const list = make("ul", { className: "lines" });
    group.append(list);
    byId("failures").append(group);
    showInSteps(list, failed, (photo) => lineOf(photo, photo.message), 20, "failure");
  }
}

function showWarnings() {
  const kinds = Object.entries(content.warned_by_kind);
  byId("warnings").hidden = !kinds.length;
  for (const [kind, number] of kinds) {
    const warned = photos.filter((photo) => warningsOf(photo, kind).length);
    const group = kindGroup(kind, count(number, "photo"), content.advice[kind], `warned:${kind}`);
    const list = make("ul", { className: "lines" });
    group.append(make("details", {}, make("summary", {}, "List"), list));
    byId("warnings").append(group);
    const line = (photo) => lineOf(photo, warningsOf(photo, kind).join("; "));
    showInSteps(list, warned, line, 20, "warning");
  }
}

function warningsOf(photo, kind) {
  return photo.warnings.filter((warning) => warning[0] === kind).map((warning) => warning[1]);
}

function kindGroup(kind, number, advice, filter) {
  const heading = make("h3", {}, `${kind}: ${number}`);
  const show = make("button", { type: "button" }, "Show among the photos");
  show.addEventListener("click", () => showKind(filter));
  show.setAttribute("aria-label", `Show among the photos: ${kind}`);
  return make(
    "div",
    { className: "kind" },
    make("div", { className: "bar" }, heading, show),
    advice ? make("p", {}, advice) : null,
  );
}

function lineOf(photo, message) {
  return make("li", {}, nameOf(photo.source), message ? ": " : "", nameOf(message));
}

function showCharts() {
  const { cut, enlargement } = content.charts;
  const shares = ([low, high]) => range(Math.round(low * 100), Math.round(high * 100), " %");
  const factors = ([low, high]) => range(low, high, "x");
  byId("charts").append(...chart("How much is cut", cut, shares, "of the photo"));
  byId("charts").append(
    ...chart("Scale of the pixels", enlargement, factors, "above 1x, enlarged"),
  );
  byId("charts").hidden = !byId("charts").children.length;
}

function range(low, high, unit) {
  if (high === null) return `${low}${unit} and more`;
  return low === high ? `${low}${unit}` : `${low}–${high}${unit}`;
}

/** Make a chart: a table, with a bar beside each number. */
function chart(title, bins, label, unit) {
  if (!bins.some((bin) => bin[2])) return [];
  const most = Math.max(1, ...bins.map((bin) => bin[2]));
  const rows = bins.map((bin) => {
    const number = make("td", {}, bin[2].toLocaleString("en"));
    return make("tr", {}, make("th", { scope: "row" }, label(bin)), number, barCell(bin[2] / most));
  });
  const caption = make("caption", {}, title, make("span", { className: "quiet" }, ` (${unit})`));
  const head = make(
    "tr",
    { className: "unseen" },
    make("th", { scope: "col" }, unit),
    make("th", { scope: "col" }, "pictures"),
  );
  return [make("table", {}, caption, make("thead", {}, head), make("tbody", {}, ...rows))];
}

function barCell(share) {
  const space = "http://www.w3.org/2000/svg";
  const drawing = document.createElementNS(space, "svg");
  const bar = document.createElementNS(space, "rect");
  bar.setAttribute("width", `${share * 100}%`);
  bar.setAttribute("height", "100%");
  drawing.append(bar);
  return make("td", { className: "bars", "aria-hidden": "true" }, drawing);
}
