package io.calm.search;

import io.calm.calibration.CalibrationSet;
import io.calm.runtime.pytorch.HiddenStates;
import io.calm.runtime.pytorch.ReferenceModel;

/** One hidden stream over the three parts of the calibration set. */
final class Streams implements AutoCloseable {
  private HiddenStates fit;
  private HiddenStates score;
  private HiddenStates guard;

  private Streams(HiddenStates fit, HiddenStates score, HiddenStates guard) {
    this.fit = fit;
    this.score = score;
    this.guard = guard;
  }

  static Streams embed(ReferenceModel model, CalibrationSet set) {
    return new Streams(model.embed(set.fit()), model.embed(set.score()), model.embed(set.guard()));
  }

  HiddenStates fit() {
    return fit;
  }

  HiddenStates score() {
    return score;
  }

  HiddenStates guard() {
    return guard;
  }

  /** A block as a function of one part. */
  interface Block {
    HiddenStates run(HiddenStates states);
  }

  void advanceFit(Block block) {
    fit = replaced(fit, block.run(fit));
  }

  void advanceScore(Block block) {
    score = replaced(score, block.run(score));
  }

  void advanceGuard(Block block) {
    guard = replaced(guard, block.run(guard));
  }

  private static HiddenStates replaced(HiddenStates old, HiddenStates states) {
    old.close();
    return states;
  }

  @Override
  public void close() {
    fit.close();
    score.close();
    guard.close();
  }
}
