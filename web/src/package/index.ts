// What `nod-web` gives to a React page: the component with its parts, the hook and the words, and
// the colours they are drawn with. The client below them is `nod-web/sdk`.

import "../theme/tokens.css";

export * from "../component";
