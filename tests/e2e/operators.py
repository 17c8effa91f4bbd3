"""What operators say: holds and recalls, for a house."""
import secrets

from countersign.v1 import common_pb2, evidence_service_pb2, hold_pb2, hold_service_pb2, statement_pb2


class Operators:
    KEYS = (("op-1", "ed25519", "olga"), ("op-2", "ecdsa-p256-sha256", "otto"), ("op-2b", "ed25519", "otto"))

    def hold_statement(self, selector=None, hold_id=None, attester="op-1", cosigners=(), reason=b"stop", header=None,
                       **fields):
        """Places what fields of IssuanceSelector say (lists, or everything=True); lifts when there are none."""
        hold = hold_pb2.Hold(hold_id=hold_id or b"hold-" + secrets.token_hex(4).encode(), reason=reason)
        if selector is None and not fields:
            hold.action = hold_pb2.HOLD_ACTION_LIFT
        else:
            hold.action = hold_pb2.HOLD_ACTION_PLACE
            hold.selector.CopyFrom(selector or hold_pb2.IssuanceSelector(**fields))
        statement = statement_pb2.Statement(
            header=self.header(attester, common_pb2.ROLE_OPERATOR, b"", **(header or {})), hold=hold)
        return self.attesters[attester].envelope(statement, [self.attesters[c] for c in cosigners])

    def place(self, **fields):
        """Places a hold and returns (its id, its ledger entry)."""
        request = hold_service_pb2.PlaceHoldRequest(statement=self.hold_statement(**fields))
        answer = self.call("/countersign.v1.HoldService/PlaceHold", request, hold_service_pb2.PlaceHoldResponse)
        return answer.hold_id, answer.ledger_entry

    def lift(self, hold_id, attester="op-1", cosigners=("op-2",)):
        request = hold_service_pb2.LiftHoldRequest(
            statement=self.hold_statement(hold_id=hold_id, attester=attester, cosigners=cosigners))
        return self.call("/countersign.v1.HoldService/LiftHold", request, hold_service_pb2.LiftHoldResponse)

    def holds(self, **request):
        return self.call("/countersign.v1.HoldService/ListHolds", hold_service_pb2.ListHoldsRequest(**request),
                         hold_service_pb2.ListHoldsResponse)

    def recall_statement(self, attester="op-1", header=None, **fields):
        """fields: of EvidenceSelector."""
        recall = hold_pb2.Recall(selector=hold_pb2.EvidenceSelector(**fields), reason=b"found wrong")
        return self.attesters[attester].envelope(statement_pb2.Statement(
            header=self.header(attester, common_pb2.ROLE_OPERATOR, b"", **(header or {})), recall=recall))

    def recall(self, **fields):
        request = evidence_service_pb2.RecallEvidenceRequest(statement=self.recall_statement(**fields))
        return self.call("/countersign.v1.EvidenceService/RecallEvidence", request,
                         evidence_service_pb2.RecallEvidenceResponse)
