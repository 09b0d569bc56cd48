package io.calm.loadtest.figures;

/**
 * A goal that a run must meet.
 *
 * @param detail the figures, to explain a failure
 */
public record Claim(String name, boolean holds, String detail) {
  @Override
  public String toString() {
    return "%-9s %s: %s".formatted(holds ? "holds" : "DOES NOT", name, detail);
  }
}
