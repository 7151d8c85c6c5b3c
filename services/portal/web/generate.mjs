// Generates TypeScript types from descriptors: those of Proctorium's protos, which the build of protos/ has written to
// the file PROCTORIUM_DESCRIPTORS, and those of google.rpc's error details, which a Python package contains.
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";

const out = "src/gen";
const plugin = {
  local: ["node", "node_modules/@bufbuild/protoc-gen-es/bin/protoc-gen-es"],
  out,
  opt: ["target=ts"],
  include_imports: true,
};
const template = JSON.stringify({ version: "v2", plugins: [plugin] });

function generate(image) {
  execFileSync("buf", ["generate", image, "--template", template], { stdio: "inherit" });
}

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const details = `${out}/error_details.binpb`;
const program = `
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.rpc import error_details_pb2
modules = (any_pb2, duration_pb2, error_details_pb2)
files = FileDescriptorSet()
for module in modules:
    module.DESCRIPTOR.CopyToProto(files.file.add())
open("${details}", "wb").write(files.SerializeToString())
`;
execFileSync("python", ["-c", program], { stdio: "inherit" });
generate(details);
generate(process.env.PROCTORIUM_DESCRIPTORS);
