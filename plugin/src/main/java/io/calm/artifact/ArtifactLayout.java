package io.calm.artifact;

import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.NormRole;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.TableFormat;
import io.calm.tensor.TokenTable;
import java.util.Optional;

/**
 * The parts of an artifact that determine its size on disk.
 *
 * @param group maximum number of inputs that share a grid
 * @param embeddings format of the embedding table
 * @param head format of the lm_head, the larger one if a search decides; empty if it is the
 *     embedding table
 */
public record ArtifactLayout(int group, TableFormat embeddings, Optional<TableFormat> head) {
  /** Bound in bytes of the manifest's JSON per section and of the plan's JSON per block. */
  private static final long JSON_PER_SECTION = 256;

  private static final long JSON_PER_BLOCK = 8192;
  private static final long JSON = 64 * 1024;

  /**
   * Returns the maximum disk space in bytes while the artifact is written: the exact size of the
   * data files of every draft, and a bound for manifest and plan.
   *
   * @param drafts number of plans whose blocks are on disk at the same time
   */
  public long bytes(ModelSpec spec, int drafts) {
    long sections = 8 + (long) spec.layers() * (3L * LinearRole.values().length + 4);
    return drafts * blocksBytes(spec)
        + tablesBytes(spec)
        + sections * JSON_PER_SECTION
        + spec.layers() * JSON_PER_BLOCK
        + JSON;
  }

  /** Returns the bytes of a model that is loaded: weights and tables. */
  public long modelBytes(ModelSpec spec) {
    return blocksBytes(spec) + tablesBytes(spec);
  }

  /** Returns the length of {@code blocks.bin}: the weights of all blocks. */
  public long blocksBytes(ModelSpec spec) {
    Sections sections = new Sections();
    for (int layer = 0; layer < spec.layers(); layer++) {
      for (LinearRole role : LinearRole.values()) {
        sections.addLinear(spec.outputs(role), spec.inputs(role), group);
        if (spec.biases().contains(role)) {
          sections.add(4L * spec.outputs(role));
        }
      }
      for (NormRole norm : spec.norms()) {
        sections.add(4L * spec.width(norm));
      }
    }
    return sections.size;
  }

  /** Returns the length of {@code tables.bin}: embeddings, lm_head and final norm. */
  public long tablesBytes(ModelSpec spec) {
    Sections sections = new Sections();
    sections.addTable(spec, embeddings, group);
    head.ifPresent(format -> sections.addTable(spec, format, group));
    sections.add(4L * spec.hidden());
    return sections.size;
  }

  /** Computes the length of a file written by {@link SectionWriter}. */
  private static final class Sections {
    private long size;

    void add(long length) {
      size = Section.aligned(size, length) + length;
    }

    void addLinear(int outputs, int inputs, int limit) {
      int group = QuantizedLinear.groupFor(inputs, limit);
      add(QuantizedLinear.codeBytes(outputs, inputs, group));
      add(QuantizedLinear.gridBytes(outputs, inputs, group));
    }

    void addTable(ModelSpec spec, TableFormat format, int limit) {
      int tokens = spec.vocabulary();
      int width = spec.hidden();
      switch (format) {
        case INT4 -> addLinear(tokens, width, limit);
        case INT8 -> {
          add(TokenTable.Int8Table.codeBytes(tokens, width, TokenTable.Int8Table.GROUP));
          add(4L * QuantizedLinear.paddedOutputs(tokens));
        }
        case FLOAT16 -> add(2L * tokens * width);
        case FLOAT32 -> add(4L * tokens * width);
      }
    }
  }
}
