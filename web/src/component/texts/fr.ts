import { en } from "./en";
import type { Texts } from "./say";

export const fr: Texts = { ...en };
