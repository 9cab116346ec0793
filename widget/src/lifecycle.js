// The page's own life: shown, hidden, frozen, put away, online, offline.
// Must not know the chat: it calls what it was given.

/**
 * @param {{again: () => void, seen: () => void, offline: () => void, rest: () => void, wake: () => void}} act
 *   `again`: connecting may work now; `seen`: somebody looks; `rest`: let go of the line, `wake`: take it again
 * @returns {() => void} stops listening
 */
export function listen(act) {
  /** @type {[EventTarget, string, (event: any) => void][]} */
  const all = [
    [window, "online", act.again],
    [window, "offline", act.offline],
    [document, "visibilitychange", () => {
      if (document.visibilityState !== "visible") return;
      act.again();
      act.seen();
    }],
    [document, "freeze", act.rest],
    [document, "resume", act.wake],
    [window, "pagehide", act.rest],
    [window, "pageshow", (event) => event.persisted && act.wake()],
  ];
  for (const [target, name, fn] of all) target.addEventListener(name, fn);
  return () => all.forEach(([target, name, fn]) => target.removeEventListener(name, fn));
}
