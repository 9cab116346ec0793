// Drawings made for the chat, as paths on a 24-unit grid; stroked with currentColor.
// Must hold only paths.

import { BELL, DOWN } from "../shared.js";

/** What a site may choose as `theme.launcher`, but for the bell, which the loader draws itself. @type {Record<string, string>} */
export const LAUNCHERS = {
  chat: "M5.5 5h13A2.5 2.5 0 0 1 21 7.5v7a2.5 2.5 0 0 1-2.5 2.5H12l-5 3.5V17H5.5A2.5 2.5 0 0 1 3 14.5v-7A2.5 2.5 0 0 1 5.5 5zM8 11h.01M12 11h.01M16 11h.01",
  question: "M8 8.4a4 4 0 1 1 6.2 3.4c-1.5 1-2.2 1.8-2.2 3.5M12 19.2h.01",
};

export const ICONS = {
  bell: BELL,
  down: DOWN,
  close: "M6.5 6.5l11 11M17.5 6.5l-11 11",
  more: "M5.5 12h.01M12 12h.01M18.5 12h.01",
  send: "M12 19V5.5M6 11l6-6 6 6",
  stop: "M8 8h8v8H8z",
  copy: "M9 9h10v10H9zM15 9V5H5v10h4",
  check: "M5 12.5l4.5 4.5L19 7.5",
  good: "M7.5 10.5L11 3.8c1.5 0 2.6 1.2 2.3 2.7L12.7 9.5h5.4c1.2 0 2.1 1.1 1.8 2.3l-1.5 6.6c-.2.9-1 1.6-1.9 1.6h-9zM4 10.5h3.5V20H4z",
  bad: "M16.5 13.5L13 20.2c-1.5 0-2.6-1.2-2.3-2.7l.6-3h-5.4c-1.2 0-2.1-1.1-1.8-2.3l1.5-6.6c.2-.9 1-1.6 1.9-1.6h9zM20 13.5h-3.5V4H20z",
  arrow: "M9 6l6 6-6 6",
};
