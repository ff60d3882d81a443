"""From log-probabilities per frame to text: CTC collapse, greedy and beam search."""
