import "../../theme/theme.css";
import { mount } from "../mount";
import { LoginPage } from "./LoginPage";

mount(<LoginPage />);
