import "../../theme/theme.css";
import { slotOf } from "../../worker/slot";
import { mount } from "../mount";
import { PhonePage } from "./PhonePage";

mount(<PhonePage slot={slotOf(location.search)} />);
