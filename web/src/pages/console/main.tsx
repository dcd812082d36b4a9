import "../../theme/theme.css";
import { mount } from "../mount";

mount(<main />);
