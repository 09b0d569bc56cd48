package io.calm.checkpoint.tokenizer;

import ai.djl.huggingface.tokenizers.jni.LibUtils;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import ai.djl.util.Platform;
import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.Tokenizer;
import io.calm.checkpoint.TokenizerClosedException;
import io.calm.files.DjlCache;
import io.calm.text.Printable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * A tokenizer of the native library, without truncation or padding. Thread safe; {@link #close}
 * waits for calls in progress.
 *
 * <p>DJL's {@code HuggingFaceTokenizer} is deliberately not used. Its constructor queries a cloud
 * metadata service, and it copies eight arrays and an object per token although only ids are
 * needed.
 */
final class NativeTokenizer implements AutoCloseable {
  private static final TokenizersLibrary LIBRARY = TokenizersLibrary.LIB;

  private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
  private final long handle;
  private boolean closed;

  private NativeTokenizer(long handle) {
    this.handle = handle;
  }

  /**
   * Builds a tokenizer.
   *
   * @param json the text of a {@code tokenizer.json}
   * @param source the origin of the JSON, for error messages
   * @throws CheckpointException if the library rejects it
   * @throws UncheckedIOException as {@link #requireLibrary}
   */
  static NativeTokenizer create(String json, String source) {
    requireLibrary();
    long handle;
    try {
      handle = LIBRARY.createTokenizerFromString(json);
    } catch (RuntimeException e) {
      throw new CheckpointException(
          source
              + ": expected a tokenizer that Hugging Face tokenizers "
              + version()
              + " can load, got: "
              + Printable.of(e.getMessage())
              + "; save it again with a current transformers (tokenizer.save_pretrained)",
          e);
    }
    LIBRARY.disableTruncation(handle);
    LIBRARY.disablePadding(handle);
    return new NativeTokenizer(handle);
  }

  /**
   * Loads the native library, unless it is loaded. After a failure, DJL does not try again in this
   * process.
   *
   * @throws UncheckedIOException if it cannot be loaded, e.g. from a full disk
   */
  static void requireLibrary() {
    DjlCache.check();
    try {
      LibUtils.checkStatus();
    } catch (RuntimeException | LinkageError e) {
      String message =
          "DJL's native library of tokenizers cannot be loaded: %s; correct this and restart the process"
              .formatted(DjlCache.reason(e));
      throw new UncheckedIOException(message, new IOException(message, e));
    }
  }

  /**
   * Encodes a text of at most {@link Tokenizer#MAX_TEXT} UTF-16 units; the library's regular
   * expressions panic after ten million steps at one position.
   *
   * @throws IllegalArgumentException if the text is too long or cannot be encoded
   */
  int[] encode(String text, boolean addSpecial) {
    if (text.length() > Tokenizer.MAX_TEXT) {
      throw new IllegalArgumentException(
          "text: expected at most %d characters, got %d; split it into several texts"
              .formatted(Tokenizer.MAX_TEXT, text.length()));
    }
    String sane = LoneSurrogates.replace(text);
    lock.readLock().lock();
    try {
      requireOpen();
      long encoding = encoded(sane, addSpecial);
      try {
        return narrow(LIBRARY.getTokenIds(encoding));
      } finally {
        LIBRARY.deleteEncoding(encoding);
      }
    } finally {
      lock.readLock().unlock();
    }
  }

  private long encoded(String text, boolean addSpecial) {
    try {
      return LIBRARY.encode(handle, text, addSpecial);
    } catch (RuntimeException e) { // e.g. an unknown character and no unknown token
      throw new IllegalArgumentException(
          "text: expected characters that the tokenizer knows, got: "
              + Printable.of(e.getMessage()),
          e);
    }
  }

  String decode(int[] ids, boolean skipSpecial) {
    long[] wide = new long[ids.length];
    for (int i = 0; i < ids.length; i++) {
      wide[i] = ids[i];
    }
    lock.readLock().lock();
    try {
      requireOpen();
      return LIBRARY.decode(handle, wide, skipSpecial);
    } finally {
      lock.readLock().unlock();
    }
  }

  @Override
  public void close() {
    lock.writeLock().lock();
    try {
      if (!closed) {
        closed = true;
        LIBRARY.deleteTokenizer(handle);
      }
    } finally {
      lock.writeLock().unlock();
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new TokenizerClosedException();
    }
  }

  private static int[] narrow(long[] ids) {
    int[] narrow = new int[ids.length];
    for (int i = 0; i < ids.length; i++) {
      narrow[i] = Math.toIntExact(ids[i]);
    }
    return narrow;
  }

  private static String version() {
    return Platform.detectPlatform("tokenizers").getVersion();
  }
}
