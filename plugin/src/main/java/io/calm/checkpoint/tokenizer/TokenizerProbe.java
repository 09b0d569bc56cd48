package io.calm.checkpoint.tokenizer;

import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.tokenizer.json.CheckedTokenizer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Tries tokenizers in a child process before the server uses them.
 *
 * <p>The native library aborts the whole process on some files. {@link CheckedTokenizer} rejects
 * the known causes; the probe covers unknown ones. One child process runs at a time. A tokenizer
 * that passed is remembered by its digest and not tried again. Thread safe.
 */
final class TokenizerProbe {
  private static final int REMEMBERED = 256;
  private static final TokenizerProbe SHARED = new TokenizerProbe(Duration.ofSeconds(30));

  private final ReentrantLock turn = new ReentrantLock(true);
  private final Duration limit;
  private final Map<String, Boolean> passed =
      new LinkedHashMap<>() {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Boolean> eldest) {
          return size() > REMEMBERED;
        }
      };

  TokenizerProbe(Duration limit) {
    this.limit = limit;
  }

  /** Returns the probe shared by this process. */
  static TokenizerProbe shared() {
    return SHARED;
  }

  /**
   * Requires that a tokenizer passes the probe.
   *
   * @param source the file, for error messages
   * @throws CheckpointException if the child process crashes, uses too much time or memory, or
   *     cannot be started
   * @throws java.io.UncheckedIOException if the library cannot be loaded, whatever the tokenizer
   */
  void require(CheckedTokenizer tokenizer, String source) {
    NativeTokenizer.requireLibrary();
    String key = digest(tokenizer.json());
    turn.lock();
    try {
      if (passed.containsKey(key)) {
        return;
      }
      ProbeProcess.Outcome outcome = ProbeProcess.run(ProbeInput.of(tokenizer), limit);
      if (!outcome.survived()) {
        throw new CheckpointException(
            ("%s: expected a tokenizer that passes a test in a child process, but the process %s;"
                    + " repair the tokenizer, or set calm.tokenizer-probe=off to skip the test (the"
                    + " server is not affected)")
                .formatted(source, outcome.description()));
      }
      passed.put(key, true);
    } finally {
      turn.unlock();
    }
  }

  private static String digest(String text) {
    try {
      MessageDigest sha = MessageDigest.getInstance("SHA-256");
      return HexFormat.of().formatHex(sha.digest(text.getBytes(StandardCharsets.UTF_8)));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
