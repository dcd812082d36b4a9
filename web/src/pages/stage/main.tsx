import "../../theme/theme.css";
import { mount } from "../mount";
import { followPerson } from "../person";
import { StagePage } from "./StagePage";

followPerson(() => location.reload());
mount(<StagePage />);
