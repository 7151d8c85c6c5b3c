// The German message catalogue, by feature.
import type { Messages } from "../catalogue";
import { account } from "./account";
import { breaks } from "./breaks";
import { closing } from "./closing";
import { common } from "./common";
import { console } from "./console";
import { conversations } from "./conversations";
import { courses } from "./courses";
import { coverage } from "./coverage";
import { disconnects } from "./disconnects";
import { exam } from "./exam";
import { hands } from "./hands";
import { identity } from "./identity";
import { incidents } from "./incidents";
import { lobby } from "./lobby";
import { notifications } from "./notifications";
import { order } from "./order";
import { people } from "./people";
import { record } from "./record";
import { removal } from "./removal";
import { report } from "./report";
import { results } from "./results";
import { sessions } from "./sessions";
import { supervision } from "./supervision";
import { timeline } from "./timeline";

export const de: Messages = {
  account,
  breaks,
  closing,
  common,
  console,
  conversations,
  courses,
  coverage,
  disconnects,
  exam,
  hands,
  identity,
  incidents,
  lobby,
  notifications,
  order,
  people,
  record,
  removal,
  report,
  results,
  sessions,
  supervision,
  timeline,
};
