package io.calm.generate;

/** The text of one answer, piece by piece: complete characters, never part of a stop string. */
final class AnswerText {
  private final TextDecoder decoder;
  private final SamplingParameters parameters;
  private final StopMatcher stops;
  private int unstoppable;

  AnswerText(TextDecoder decoder, SamplingParameters parameters) {
    this.decoder = decoder;
    this.parameters = parameters;
    this.stops = new StopMatcher(parameters.stops(), parameters.includeStop());
    this.unstoppable = parameters.minNewTokens();
  }

  /** Adds a token and returns the text that has become final. */
  String add(int token) {
    String piece = decoder.add(token);
    if (unstoppable > 0) {
      unstoppable--;
      return piece;
    }
    return stops.add(piece);
  }

  /** Returns the rest of the text, which the decoder and the stop strings had held back. */
  String flush() {
    if (stopped()) {
      return "";
    }
    String rest = stops.add(decoder.flush());
    return stopped() ? rest : rest + stops.flush();
  }

  /**
   * Ends the text with a token that is no part of it, unless its own text is a stop string. Returns
   * the rest of the text.
   */
  String end(int token) {
    String rest = stops.add(decoder.flush());
    if (!stopped() && unstoppable == 0 && isStop(token)) {
      rest += stops.add(decoder.ending(token));
    }
    return stopped() ? rest : rest + stops.flush();
  }

  private boolean isStop(int token) {
    return !parameters.stops().isEmpty() && parameters.stops().contains(decoder.ending(token));
  }

  boolean stopped() {
    return stops.stopped();
  }
}
