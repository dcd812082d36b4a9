import "../../theme/theme.css";
import { mount } from "../mount";
import { StagePage } from "./StagePage";

mount(<StagePage />);
