import { useEffect, useState } from "react";
import { loadPhones, type Phones } from "./phonenumber";

/** The numbers of the world, as soon as they are here; null until then, and where they do not come. */
export function usePhones(): Phones | null {
  const [phones, setPhones] = useState<Phones | null>(null);
  useEffect(() => {
    let current = true;
    loadPhones()
      .then((loaded) => {
        if (current) setPhones(loaded);
      })
      .catch(() => undefined);
    return () => {
      current = false;
    };
  }, []);
  return phones;
}
