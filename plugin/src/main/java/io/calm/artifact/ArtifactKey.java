package io.calm.artifact;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;

/**
 * Everything that the bytes of an artifact depend on. Equal keys mean equal artifacts, so a change
 * of any part makes another artifact and leaves the old one alone.
 *
 * @param modelDigests SHA-256 of each model file, in the checkpoint's order; see {@link
 *     FileDigests}
 * @param settings the settings that change the result, in one canonical string of the caller's
 * @param calibration identity of the calibration tokens, e.g. a text's digest, or {@code self} with
 *     its seed and sizes
 */
public record ArtifactKey(List<String> modelDigests, String settings, String calibration) {

  public ArtifactKey {
    modelDigests = List.copyOf(modelDigests);
    if (modelDigests.isEmpty()) {
      throw new IllegalArgumentException("artifact key: expected one model digest or more, got 0");
    }
  }

  /**
   * Returns the artifact's name: SHA-256, in hex, of the format version and every part, each with
   * its length before it.
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
