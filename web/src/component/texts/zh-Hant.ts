import { en } from "./en";
import type { Texts } from "./say";

export const zhHant: Texts = { ...en };
