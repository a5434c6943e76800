// How much larger than the window something is shown, in steps.

const STEPS = [1, 1.5, 2, 3, 4];

// `apply` gets the scale, now and with every change. Returns what goes a step up (1) or down (-1).
export function zoomable(apply) {
  let at = 0;
  apply(STEPS[at]);
  return (step) => {
    const next = Math.min(Math.max(at + step, 0), STEPS.length - 1);
    if (next === at) return;
    at = next;
    apply(STEPS[at]);
  };
}
