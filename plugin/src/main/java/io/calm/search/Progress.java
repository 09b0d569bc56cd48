package io.calm.search;

/**
 * The state of a model's load at one moment. Each phase is a record with the numbers that the phase
 * has; those without a number of their own share {@link Step}.
 */
public sealed interface Progress {

  /** Returns the name of the phase in logs and JSON, e.g. {@code searching}. */
  String phase();

  /** Returns the estimated seconds that are left; NaN while there is no estimate. */
  default double etaSeconds() {
    return Double.NaN;
  }

  /** The phases that have no count of their own. */
  enum Kind {
    QUEUED("queued"),
    OPENING("opening"),
    WAITING_FOR_TURN("waiting for another model's search"),
    WAITING_FOR_WRITER("waiting for another writer of this artifact"),
    CHECKING("checking"),
    HEAD("lm_head");

    private final String phase;

    Kind(String phase) {
      this.phase = phase;
    }
  }

  /** A phase without a count: the load is queued, files are opened or checked, and so on. */
  record Step(Kind kind) implements Progress {
    @Override
    public String phase() {
      return kind.phase;
    }
  }

  /**
   * The model samples its own calibration sequences.
   *
   * @param tokens tokens of all sequences so far
   * @param total tokens of all sequences when they are finished
   * @param algorithm the quantizer of the model that samples
   */
  record Sampling(int tokens, int total, String algorithm, double etaSeconds) implements Progress {
    @Override
    public String phase() {
      return "sampling";
    }
  }

  /** A phase that visits the blocks of the model in order. */
  sealed interface BlockPhase extends Progress {
    /** Returns the block that is processed. */
    Position position();

    /** Returns the algorithm that is applied; empty between two. */
    String algorithm();

    /** Returns the scores so far. */
    Scores scores();
  }

  /** The search tries the algorithms of the pool on a block. */
  record Searching(Position position, Attempt attempt, Scores scores, double etaSeconds)
      implements BlockPhase {
    @Override
    public String phase() {
      return "searching";
    }

    @Override
    public String algorithm() {
      return attempt.algorithm();
    }
  }

  /** One algorithm quantizes every block for a uniform plan. */
  record Quantizing(Position position, String algorithm, Scores scores, double etaSeconds)
      implements BlockPhase {
    @Override
    public String phase() {
      return "quantizing";
    }
  }

  /** The guard quantizes every block with the best single algorithm, to compare the mix with it. */
  record Guarding(Position position, String algorithm, Scores scores, double etaSeconds)
      implements BlockPhase {
    @Override
    public String phase() {
      return "guard";
    }
  }

  /**
   * The impact of the algorithms on a block is measured.
   *
   * @param position among the blocks to measure
   * @param attempt {@link Sensitivity#TAIL} as the algorithm while the blocks after it run
   */
  record Measuring(Position position, Attempt attempt, Scores scores, double etaSeconds)
      implements BlockPhase {
    @Override
    public String phase() {
      return "sensitivity";
    }

    @Override
    public String algorithm() {
      return attempt.algorithm();
    }
  }

  /**
   * A block of the model.
   *
   * @param block index from 0
   * @param blocks number of blocks
   */
  record Position(int block, int blocks) {}

  /**
   * A candidate for a block.
   *
   * @param algorithm its name; empty between two candidates
   * @param index in the pool, from 0
   * @param pool number of candidates per block
   */
  record Attempt(String algorithm, int index, int pool) {}

  /**
   * The scores of a search so far.
   *
   * @param evaluations candidates that were scored
   * @param last score of the last candidate; NaN before the first, and in phases that score none
   * @param lastAlgorithm the algorithm of the last candidate; empty without one
   */
  record Scores(int evaluations, double last, String lastAlgorithm) {
    /** Returns a number of candidates without the score of the last. */
    static Scores count(int evaluations) {
      return new Scores(evaluations, Double.NaN, "");
    }
  }
}
