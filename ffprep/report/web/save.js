// What is saved: tables for ffprep.toml, or a zip of sidecars. Both are made here, in the page.

/** Return a TOML string. Invisible characters, which could hide what a name is, are escaped. */
function tomlString(text) {
  const hidden = /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;
  const escape = (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(text).replace(hidden, escape);
}

/** Return the lines that frame a photo as it was corrected. */
function overrideText({ photo, mode, movable, focus }) {
  const lines = [`mode = ${tomlString(mode)}`];
  if (movable) lines.push(`focus = "${focus.join(",")}"`);
  // The focus is a point of what the bounds leave.
  const bounds = (photo.bounds ?? [0, 0, 1, 1]).join(",");
  if (bounds !== "0,0,1,1") lines.push(`crop-bounds = "${bounds}"`);
  return lines.map((line) => `${line}\n`).join("");
}

/** Return the `[[photo]]` tables of corrected photos. */
function tablesText(edits) {
  const table = (edit) => `[[photo]]\npath = ${tomlString(edit.photo.path)}\n${overrideText(edit)}`;
  return edits.map(table).join("\n");
}

/** Return a zip of the sidecars of corrected photos. */
function sidecarsZip(edits) {
  return zipOf(edits.map((edit) => [edit.photo.sidecar, overrideText(edit)]));
}

/** Whether a name can be written in UTF-8. Others are half a character somewhere. */
const isUnicode = (name) => !/\p{Surrogate}/u.test(name);

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function crc32(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = CRC_TABLE[(value ^ byte) & 255] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

/** Return integers in little endian; each number is followed by its size in bytes. */
function packed(...fields) {
  const bytes = [];
  for (let index = 0; index < fields.length; index += 2) {
    for (let byte = 0; byte < fields[index + 1]; byte++)
      bytes.push((fields[index] >>> (8 * byte)) & 255);
  }
  return Uint8Array.from(bytes);
}

/** Return a zip of [name, text] pairs: stored, with names in UTF-8 (bit 11), from 1980. */
function zipOf(files) {
  const encoder = new TextEncoder();
  const [parts, directory] = [[], []];
  let offset = 0;
  for (const [name, text] of files) {
    const [path, data] = [encoder.encode(name), encoder.encode(text)];
    const sizes = [crc32(data), 4, data.length, 4, data.length, 4, path.length, 2, 0, 2];
    const common = packed(20, 2, 0x800, 2, 0, 2, 0, 2, 33, 2, ...sizes);
    const local = [packed(0x04034b50, 4), common, path, data];
    parts.push(...local);
    // Made on Unix, so that the mode of the file is in its attributes: rw-r--r--.
    directory.push(packed(0x02014b50, 4, 20 | (3 << 8), 2), common);
    directory.push(packed(0, 2, 0, 2, 0, 2, 0o100644 << 16, 4, offset, 4), path);
    offset += local.reduce((sum, part) => sum + part.length, 0);
  }
  const length = directory.reduce((sum, part) => sum + part.length, 0);
  const count = [files.length, 2, files.length, 2];
  const end = packed(0x06054b50, 4, 0, 2, 0, 2, ...count, length, 4, offset, 4, 0, 2);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

/** Have the browser save a file. */
function download(name, content) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content]));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
