import "../../theme/theme.css";
import { slotOf } from "../../worker/slot";
import { mount } from "../mount";
import { followPerson } from "../person";
import { PhonePage } from "./PhonePage";

followPerson(() => location.reload());
mount(<PhonePage slot={slotOf(location.search)} />);
