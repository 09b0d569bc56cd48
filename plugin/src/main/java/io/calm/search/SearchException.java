package io.calm.search;

/** No plan can be made: every algorithm failed on a block. The message has block and reasons. */
public final class SearchException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public SearchException(String message) {
    super(message);
  }
}
