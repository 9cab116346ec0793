// The launcher's look as one string, for adoptedStyleSheets: no style element, no style attribute, no request.
// Must not name a shop's colours: everything that a shop may set is a custom property with a default here.

/** The launcher, a counter bell's dome; and the frame of the chat's window, painted before the chat is there. */
export const launcherCss = `
:host {
  --accent: var(--shopbell-accent, var(--sb-accent, #1f4d43));
  --on-accent: var(--shopbell-accent-text, var(--sb-on-accent, #fff));
  --brass: #e3ac4b;
  --edge: var(--shopbell-edge, 20px);
  --paper: var(--shopbell-background, var(--sb-paper, #fffdf9));
  --line: color-mix(in srgb, var(--paper) 87%, #6b5020);
  --shadow: 0 0 0 1px rgb(60 45 20 / .07), 0 22px 60px rgb(60 45 20 / .22);
  all: initial;
  position: fixed; bottom: 0; right: 0; width: 0; height: 0;
  z-index: var(--shopbell-z, 2147483000);
  font: 400 15px/1.5 var(--shopbell-font, system-ui, sans-serif); color-scheme: light;
}
:host([dark]) {
  --paper: var(--shopbell-background-dark, var(--sb-paper-dark, #1b1916));
  --line: color-mix(in srgb, var(--paper) 84%, #fff);
  --shadow: 0 0 0 1px rgb(255 255 255 / .07), 0 22px 60px rgb(0 0 0 / .55);
  color-scheme: dark;
}
[hidden] { display: none !important }
*, ::before, ::after { box-sizing: border-box }
button { font: inherit; color: inherit; background: none; border: 0; padding: 0; margin: 0; cursor: pointer; touch-action: manipulation; -webkit-tap-highlight-color: transparent }
.icon { width: 20px; height: 20px; fill: none; stroke: currentColor; stroke-width: 1.7; stroke-linecap: round; stroke-linejoin: round; flex: none; display: block }
.panel, .launcher { position: fixed; right: calc(var(--edge) + env(safe-area-inset-right, 0px)) }
:host([side=left]) :is(.panel, .launcher) { right: auto; left: calc(var(--edge) + env(safe-area-inset-left, 0px)) }
.panel {
  bottom: calc(var(--edge) + 74px + env(safe-area-inset-bottom, 0px)); width: min(404px, 100vw - 2 * var(--edge)); height: min(672px, 100dvh - var(--edge) - 94px);
  display: flex; flex-direction: column; overflow: hidden; background: var(--paper); border-radius: var(--shopbell-radius, var(--sb-radius, 20px)); box-shadow: var(--shadow);
}
.panel:not(.ready) > * { display: none }
/* The header's line is no box of its own: the first box with a line of text in it looks up the fonts. */
.panel:not(.ready) { background: linear-gradient(var(--line) 0 0) 0 67px / 100% 1px no-repeat var(--paper) }
.launcher {
  bottom: calc(var(--edge) + env(safe-area-inset-bottom, 0px));
  width: 62px; height: 58px; display: grid; place-items: center;
  border-radius: 31px 31px 15px 15px; background: var(--accent); color: var(--on-accent);
  box-shadow: 0 2px 5px rgb(40 30 10 / .2), 0 10px 26px rgb(40 30 10 / .24);
  transition: transform .18s;
}
.launcher:hover { transform: translateY(-2px) }
.launcher:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; box-shadow: 0 0 0 3px #fff }
.launcher .icon { width: 30px; height: 30px; stroke-width: 1.55; transform-origin: 50% 16% }
.launcher:is(:hover, .ring):not([aria-expanded=true]) .icon { animation: ring .7s ease-in-out }
.badge {
  position: absolute; top: -4px; right: -4px; min-width: 22px; height: 22px; padding: 0 6px; border-radius: 11px;
  background: var(--brass); color: #241a08; font-size: 12px; font-weight: 700; line-height: 22px; text-align: center;
  box-shadow: 0 0 0 2.5px var(--paper);
}
.badge:empty { display: none }
@keyframes ring { 20% { rotate: 11deg } 45% { rotate: -9deg } 70% { rotate: 5deg } }
@media (max-width: 520px) {
  .launcher[aria-expanded=true] { visibility: hidden }
  .panel, :host([side=left]) .panel { inset: auto; top: var(--view-top, 0px); left: 0; width: 100vw; height: var(--view-height, 100dvh); border-radius: 0; box-shadow: none }
}
@media (prefers-reduced-motion: reduce) { *, ::before, ::after { animation: none !important; transition: none !important } }
@media (forced-colors: active) { .launcher { border: 2px solid ButtonText; } }
@media print { :host { display: none !important } }
`;
