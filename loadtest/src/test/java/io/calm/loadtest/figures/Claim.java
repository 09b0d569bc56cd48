package io.calm.loadtest.figures;

/**
 * What a run must show.
 *
 * @param detail the figures, for whoever reads why it does not hold
 */
public record Claim(String name, boolean holds, String detail) {
  @Override
  public String toString() {
    return "%-9s %s: %s".formatted(holds ? "holds" : "DOES NOT", name, detail);
  }
}
