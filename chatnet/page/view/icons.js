// The icons: strokes on a grid of 20, drawn here.

import { h } from "./h.js";

/** @type {Record<string, string>} */
const PATHS = {
  all: "M4 5.5h12M4 10h12M4 14.5h7",
  add: "M10 4v12M4 10h12",
  back: "M12 4l-6 6 6 6",
  ban: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM5 5l10 10",
  bell: "M5 14V9a5 5 0 0 1 10 0v5l1 1H4zM8.5 17.5h3",
  close: "M5 5l10 10M15 5L5 15",
  copy: "M7 7h9v9H7zM13 4H4v9",
  down: "M10 4v11M5 10.5l5 5 5-5",
  dots: "M4.5 10h.01M10 10h.01M15.5 10h.01",
  exit: "M8 4H4v12h4M8 10h9M13.5 6.5L17 10l-3.5 3.5",
  flag: "M5 17V3.5h10l-2 3.5 2 3.5H5",
  follow: "M10 16.5S3.5 12.8 3.5 8.2A3.4 3.4 0 0 1 10 6.7a3.4 3.4 0 0 1 6.5 1.5c0 4.6-6.5 8.3-6.5 8.3z",
  hash: "M8 3.5L6.5 16.5M13.5 3.5L12 16.5M3.5 7.5h13M3.5 12.5h13",
  keys: "M3 5.5h14v9H3zM6 8.5h.01M9 8.5h.01M12 8.5h.01M14.5 8.5h.01M6.5 11.5h7",
  link: "M8.5 11.5a3 3 0 0 0 4.3 0l2.8-2.8a3 3 0 0 0-4.3-4.3L10 5.7M11.5 8.5a3 3 0 0 0-4.3 0l-2.8 2.8a3 3 0 0 0 4.3 4.3l1.3-1.3",
  lock: "M5 9h10v8H5zM7 9V6.5a3 3 0 0 1 6 0V9",
  message: "M3 4h14v10H9l-4 3.5V14H3z",
  mute: "M8 8H4v4h4l4 3.5v-11zM14.5 8l3 4M17.5 8l-3 4",
  people:
    "M7.5 9.5a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6zM2.5 16.5a5 5 0 0 1 10 0M13 4.2a2.7 2.7 0 0 1 0 5M14.5 12a5 5 0 0 1 3 4.5",
  person: "M10 9.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM4 17a6 6 0 0 1 12 0",
  reply: "M8 5L3.5 9.5 8 14M4 9.5h7.5a5 5 0 0 1 5 5v1",
  search: "M8.8 14.5a5.7 5.7 0 1 0 0-11.4 5.7 5.7 0 0 0 0 11.4zM13 13l4 4",
  send: "M3.5 16.5L17 10 3.5 3.5l2 6.5zM5.5 10h5.5",
  smile: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM7.2 11.5a3.4 3.4 0 0 0 5.6 0M7.7 7.8h.01M12.3 7.8h.01",
  trash: "M4 6h12M8 6V4h4v2M5.5 6l.8 10.5h7.4L14.5 6",
  warning: "M10 3.5L17.5 16.5h-15zM10 8.5v3.5M10 14.3h.01",
  // The states of a post.
  kept: "M10 4.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM10 7v3.2l2 1.3",
  stored: "M5 10.5l3.5 3.5L15.5 6.5",
};

const SVG = "http://www.w3.org/2000/svg";

/**
 * Return an icon. It says nothing to who listens: what it stands in has a name of its own.
 * @param {string} name
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name] ?? "");
  svg.append(path);
  return svg;
}

/**
 * Return a button that is an icon, with its name for who listens or points at it.
 * @param {string} name of the icon
 * @param {string} label
 * @param {Record<string, any>} properties
 */
export function iconButton(name, label, properties) {
  return h(
    "button",
    { class: "plain icon-only", "aria-label": label, title: label, ...properties },
    icon(name),
  );
}
