/** Vibrates, where there is something to. A browser refuses, and complains, before the first touch. */
export function buzz(): void {
  if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.([60, 80, 60]);
}
