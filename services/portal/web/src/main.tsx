import "./components/translatable";
import { render } from "preact";
import { App } from "./app";
import { loadCurrentUser } from "./features/account/current-user";
import { language } from "./messages/language";

document.documentElement.lang = language;
void loadCurrentUser();
render(<App />, document.getElementById("app") as HTMLElement);
