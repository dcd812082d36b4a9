import "../../theme/theme.css";
import { mount } from "../mount";
import { PhonePage } from "./PhonePage";
import { slotOf } from "./setup";

mount(<PhonePage slot={slotOf(location.search)} />);
