"""The rules, pure: no network, no clock, no randomness, no logging, nothing but the standard library's pure part.

Theory of operation
-------------------
An origin server without entity tags cannot tell a writer who knows the current state from one who does not. This proxy
can, because it does at the moment of the write what the client did when it read: it asks for the representation and
mints the tag of its content. If the write's If-Match names that tag, nothing has changed in between, provided that
nothing changes until the write is applied. So two things are needed, and neither is enough: the *re-fetch*, which makes
the comparison true, and the *lock* around it, which keeps it true until the origin server has answered.

Everything that can go wrong then goes wrong in one of three ways, and each has its rule. The lock may lapse before the
write is sent: its lease is confirmed right before, and long enough for the write (I3). The write may get no answer: it
may still be applied, so the lease is left to lapse (I4). Or two spellings may reach one resource by two locks: keys are
coarse and ambiguity is refused (I5).

Invariants
----------
Each is followed by the test that fails when it is taken out.

I1   A guarded write is performed only under a lease, and one with preconditions only after an evaluation against
     content selected under that same lease. Without preconditions and with nothing required there is nothing to select:
     hold, perform, release.
     tests/test_schedules.py::test_each_part_of_the_guard_is_needed
I2   What is remembered may save work or refuse; it never permits a write. A refusal may rest on any selection that
     began after the request arrived and was made with the same credentials and selecting fields.
     tests/test_schedules.py::test_a_forged_memory_never_permits
     tests/gateway/test_writing.py::test_a_storm_costs_a_bounded_number_of_selections
     tests/gateway/test_reconsidering.py::test_a_selection_refuses_nobody_who_came_when_it_had_begun
     tests/gateway/test_reconsidering.py::test_who_is_let_through_has_asked_itself
I3   The lease in its write phase lasts at least the perform timeout, the settle time and a margin; a configuration that
     says otherwise is refused.
     tests/config/test_combinations.py::test_a_write_lease_outlasts_the_write
     tests/adapters/memory/test_lock.py::test_confirm_re_arms_for_the_write_phase
I4   Outcome unknown: the lease is abandoned, not released. It lapses after the time for which the origin server may
     still apply the write.
     tests/test_schedules.py::test_each_part_of_the_guard_is_needed
     tests/gateway/test_writing.py::test_an_unknown_outcome_is_called_so_and_keeps_others_out
I5   Target URIs that the origin server may treat as one resource share one key. Too coarse is safe, too fine is not;
     what is ambiguous is refused.
     tests/core/test_target.py
I6   Minted tags never reach the origin server: preconditions that were evaluated are not forwarded, but for those that
     were held against the origin server's own tag.
     tests/gateway/test_writing.py::test_evaluated_preconditions_are_not_forwarded
     tests/gateway/test_writing.py::test_the_origin_servers_own_tags_are_forwarded_to_it
I7   401, 403, 3xx, 405, 5xx and truncation on a selection never permit and never become 412: authorization speaks
     first.
     tests/gateway/test_writing.py::test_the_origin_servers_refusal_of_the_selection_is_the_answer
     tests/gateway/test_writing.py::test_what_shows_no_state_never_permits
     tests/gateway/test_writing.py::test_a_selection_that_fails_never_permits
I8   Leaving a lease never raises and never changes the answer.
     tests/adapters/memory/test_lock.py::test_leaving_a_lapsed_lease_does_not_release_the_next_holder
     tests/gateway/test_writing.py::test_a_failing_selection_after_a_write_takes_nothing_from_its_answer
I9   Every unsafe request on a guarded resource takes the lock, preconditions or not (POST without preconditions: per
     route).
     tests/gateway/test_planning.py::test_each_request_has_one_kind
     tests/gateway/test_writing.py::test_a_write_without_preconditions_takes_the_lock_and_asks_nothing
I10  No lock is held or awaited while a client is still sending.
     tests/server/test_handling.py::test_no_lock_is_awaited_while_a_client_sends
I11  The tag returned after a write is minted from a selection inside the lock; otherwise it may be the next writer's.
     tests/gateway/test_writing.py::test_the_tag_after_a_write
     tests/test_schedules.py::test_a_tag_in_the_answer_is_that_of_the_write

The rooms
---------
Grammar    `fields`, and in them `framing`, `entity_tag`, `http_date`, `ranges`, `media_type`, `coding`; `target`,
           `coarse` (which targets may be one resource), `address`, `link`; `json_text`, `json_members`,
           `json_pointer`, `self_link`; `proxy_status`; `store_url` and `store_address`
Values     `message`, `representation`, `variant` (which of several it is), `verdict`, `moment`
Rules      `admission` (what is let in at all), `forwarding` (what a gateway adds and drops), `upgrading` (when another
           protocol may be spoken), `template`, `route` (what is guarded and how) and `matching` (which route a request
           takes), `selecting` (what is asked), `tag_rules`, `canonical`, `version`, `state`, `tag_text`, `latest` and
           `minting` (what a state is called), `hashing` (in pieces), `tagging` (all that is made of content), `effort`
           (whom that keeps waiting), `preconditions` (what a request demands of it), `presenting` (what is answered
           from it), `problem_template` (how a refusal is put), `cors` (who may read an answer), `correlation` (what a
           request is called), `injection`, `item_tags`, `injecting` and `uninjecting` (tags in content), `fingerprint`
           (what replicas must have in common)
Advice     `differing` (what differs between contents that ought to be one)
"""
