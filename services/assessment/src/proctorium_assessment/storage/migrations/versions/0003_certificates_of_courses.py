"""Expand: a certificate belongs to a completed registration, no longer to a result.

Certificates that were issued for results stay as they are, because they are permanent. Those that were still to be made are not
made any more: they would say that a course was completed when one of its assessments was passed.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("ALTER TABLE assessments ALTER COLUMN awards_certificate SET DEFAULT false")
    op.execute("""
        ALTER TABLE certificates
            ADD COLUMN registration_id uuid,
            ALTER COLUMN result_id DROP NOT NULL,
            ADD CONSTRAINT uq_certificates_registration_id UNIQUE (registration_id),
            ADD CONSTRAINT ck_certificates_basis CHECK (
                num_nonnulls(registration_id, result_id) = 1
                AND (registration_id IS NULL OR num_nulls(course_id, title) = 0))
    """)
    op.execute("CREATE INDEX ix_certificates_person ON certificates (person_id, certificate_id)")
