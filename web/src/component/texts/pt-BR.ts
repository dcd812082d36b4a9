import { en } from "./en";
import type { Texts } from "./say";

export const ptBR: Texts = { ...en };
