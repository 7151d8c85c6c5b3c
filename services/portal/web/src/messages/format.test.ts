import { describe, expect, test } from "vitest";
import { outOf } from "./format";

describe("points", () => {
  test("are never rounded up: what is short of a pass does not look like one", () => {
    expect(outOf(0.999, 1)).toBe("0.99 of 1 point");
    expect(outOf(0.9999999999999999, 1)).toBe("0.99 of 1 point");
    expect(outOf(5.996, 6)).toBe("5.99 of 6 points");
    expect(outOf(2 / 3, 1)).toBe("0.66 of 1 point");
  });

  test("are shown as they were written down, whatever binary fractions make of them", () => {
    // 0.29 is 0.28999… and 1.15 is 1.1499… in binary.
    expect(outOf(0.29, 1)).toBe("0.29 of 1 point");
    expect(outOf(1.15, 2.3)).toBe("1.15 of 2.3 points");
    expect(outOf(8, 8)).toBe("8 of 8 points");
    expect(outOf(1234.5, 2000)).toBe("1,234.5 of 2,000 points");
  });

  test("that are all there were look like all there were", () => {
    expect(outOf(0.999, 0.999)).toBe("0.99 of 0.99 points");
    expect(outOf(1e-7, 1)).toBe("0 of 1 point");
  });
});
