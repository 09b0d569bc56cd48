package io.calm.artifact;

import io.calm.model.ActivationMode;
import io.calm.model.ModelSpec;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The table of contents of an artifact.
 *
 * @param format version of the layout
 * @param id {@link ArtifactKey#id} of {@code key}
 * @param key everything that the artifact was made from
 * @param spec the model
 * @param activation rounding of activations in the served model
 * @param embeddings format of the embedding table
 * @param head format of the lm_head, or {@link #TIED}
 * @param files the data files and the plan, by name
 */
record Manifest(
    int format,
    String id,
    ArtifactKey key,
    ModelSpec spec,
    ActivationMode activation,
    String embeddings,
    String head,
    Map<String, DataFile> files) {

  /** Raised with every change of the layout, of a section's format, or of the plan's fields. */
  static final int FORMAT = 4;

  static final String NAME = "manifest.json";

  /** File with the manifest's SHA-256, in the form that {@code sha256sum -c} reads. */
  static final String CHECKSUM_NAME = "manifest.json.sha256";

  static final String BLOCKS = "blocks.bin";
  static final String TABLES = "tables.bin";
  static final String PLAN = "plan.json";

  /** Value of {@code head} for an lm_head that is the embedding table. */
  static final String TIED = "tied";

  Manifest {
    files = Collections.unmodifiableMap(new LinkedHashMap<>(files));
  }

  /**
   * A file of the artifact.
   *
   * @param length bytes
   * @param sections in the order of their offsets; their extents cover the file
   */
  record DataFile(long length, List<Section> sections) {
    DataFile {
      sections = List.copyOf(sections);
    }
  }

  static String checksumText(byte[] manifest) {
    return Sha256.of(manifest) + "  " + NAME + "\n";
  }
}
