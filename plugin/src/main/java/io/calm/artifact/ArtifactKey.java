package io.calm.artifact;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;

/**
 * Everything that the bytes of an artifact depend on. Equal keys mean equal artifacts. A change of
 * any part gives another artifact and leaves the old one untouched.
 *
 * @param modelDigests SHA-256 of each model file, in the checkpoint's order; see {@link
 *     FileDigests}
 * @param settings version of the quantization code and the settings that change the result, as one
 *     canonical string
 * @param calibration identity of the calibration tokens: the digest of a text, or {@code self}
 */
public record ArtifactKey(List<String> modelDigests, String settings, String calibration) {

  public ArtifactKey {
    modelDigests = List.copyOf(modelDigests);
    if (modelDigests.isEmpty()) {
      throw new IllegalArgumentException("artifact key: expected one model digest or more, got 0");
    }
  }

  /**
   * Returns the name of the artifact: the SHA-256, in hex, of the format version and every part,
   * each preceded by its length.
   */
  public String id() {
    MessageDigest digest = Sha256.create();
    add(digest, Integer.toString(Manifest.FORMAT));
    add(digest, Integer.toString(modelDigests.size()));
    modelDigests.forEach(part -> add(digest, part));
    add(digest, settings);
    add(digest, calibration);
    return HexFormat.of().formatHex(digest.digest());
  }

  private static void add(MessageDigest digest, String part) {
    byte[] bytes = part.getBytes(StandardCharsets.UTF_8);
    digest.update((bytes.length + ":").getBytes(StandardCharsets.UTF_8));
    digest.update(bytes);
  }
}
