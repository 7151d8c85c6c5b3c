import "./translatable";
import { render } from "preact";
import { App } from "./app";
import { recognise } from "./me";

void recognise();
render(<App />, document.getElementById("app") as HTMLElement);
