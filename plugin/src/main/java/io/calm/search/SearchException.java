package io.calm.search;

/**
 * A failure to find a plan, because every algorithm failed on a block. The message has the block
 * and the reasons.
 */
public final class SearchException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public SearchException(String message) {
    super(message);
  }
}
