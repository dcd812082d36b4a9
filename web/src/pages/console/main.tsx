import "../../theme/theme.css";
import { mount } from "../mount";
import { ConsolePage } from "./ConsolePage";

mount(<ConsolePage />);
