import { memo, useMemo } from "react";
import { type Country, namesOf, type Phones } from "./phonenumber";
import { useSay } from "./texts";

/**
 * The country of a phone number, by its name in the person's language. It is a list of hundreds, so
 * that it is drawn anew only when it changes, not with every digit of the number.
 */
export const CountrySelect = memo(function CountrySelect({
  id,
  phones,
  country,
  disabled,
  onChoose,
}: {
  id: string;
  /** Until it is known what there is to choose, the one country stands there. */
  phones: Phones | null;
  country: Country;
  disabled: boolean;
  onChoose: (country: Country) => void;
}) {
  const say = useSay();
  const alone = phones ? null : country;
  const choices = useMemo(
    () => namesOf(alone ? [alone] : (phones?.countries ?? []), say.language),
    [alone, phones, say.language],
  );
  return (
    <select
      id={id}
      className="nod-field-input"
      autoComplete="country"
      value={country}
      disabled={disabled || !phones}
      onChange={(event) => onChoose(event.target.value as Country)}
    >
      {choices.map((choice) => (
        <option key={choice.country} value={choice.country}>
          {phones ? `${choice.name} (\u2066${phones.codeOf(choice.country)}\u2069)` : choice.name}
        </option>
      ))}
    </select>
  );
});
