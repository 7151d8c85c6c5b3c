import "./components/translatable";
import { render } from "preact";
import { App } from "./app";
import { loadCurrentUser } from "./features/account/current-user";

void loadCurrentUser();
render(<App />, document.getElementById("app") as HTMLElement);
