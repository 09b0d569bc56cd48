package io.calm.bench;

import java.util.List;

/** The shapes of the measured linears. */
public final class KernelShape {
  private KernelShape() {}

  /** The widest linears of an 8B and a 0.5B model, in groups of 128 and 64. */
  public static final List<Linear> ALL =
      List.of(
          new Linear(14336, 4096, 128),
          new Linear(14336, 4096, 64),
          new Linear(4864, 896, 128),
          new Linear(4864, 896, 64));

  /** One shape. */
  public record Linear(int outputs, int inputs, int group) {
    private static final double GRID_BYTES = 4;

    /** Returns the name of the shape in figures. */
    public String name() {
      return "%dx%d/g%d".formatted(outputs, inputs, group);
    }

    /** Returns the bytes of codes and grids. */
    public double bytes() {
      return products() * (0.5 + GRID_BYTES / group);
    }

    /** Returns the multiply-adds of one row. */
    public double products() {
      return (double) outputs * inputs;
    }

    /** Returns the number of copies that together exceed every cache. */
    public int copies() {
      return (int) Math.ceil(Machine.ringBytes() / bytes());
    }
  }
}
