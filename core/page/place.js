/** How far a client has come in the record of a room: from there the next connection resumes. */
export class Place {
  epoch;
  seq;
  /** Whether the server has let us in, on this connection. */
  isEntered = false;

  /** What asks for everything after this place. */
  get resumption() {
    const { epoch, seq } = this;
    return epoch === undefined || seq === undefined ? {} : { epoch, since: seq };
  }

  entered({ epoch, seq, recovered }) {
    this.isEntered = true;
    if (epoch === undefined) return;
    this.epoch = epoch;
    // What was missed follows a recovered entry: only when it has come is this the place.
    if (recovered !== true) this.seq = seq;
  }

  /** Notes an event of the room that has a `seq`. */
  passed(seq) {
    this.seq = Math.max(seq, this.seq ?? seq);
  }
}
